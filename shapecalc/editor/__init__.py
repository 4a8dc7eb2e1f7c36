"""An editor of specifications: pure functions of a text, for a language server or a page.

    text ──recovery──▶ analysis ──▶ diagnostics, hints, hover, completion, navigation, actions ──▶ server

A text is an `Analysis`, of which each function returns named tuples with positions in code points; only `server` and
`conversion` know the language server protocol. A text that is broken is known up to where it is.
"""
