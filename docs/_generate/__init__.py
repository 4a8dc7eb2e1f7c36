"""What the documentation site consists of besides the pages in this folder: generated from declarations."""
