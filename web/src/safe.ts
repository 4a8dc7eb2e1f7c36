/** What of an SVG or of HTML may be shown: names in it are those of strangers' files. Nothing else is put in the page. */

const SVG = new Set(
  "svg g title desc style rect path circle ellipse line polyline polygon text tspan defs clippath lineargradient stop use marker pattern".split(" "),
);
const SVG_ATTRIBUTES = new Set(
  (
    "xmlns viewbox width height x y x1 x2 y1 y2 cx cy r rx ry d points class id role fill stroke stroke-width stroke-dasharray " +
    "stroke-linecap stroke-linejoin fill-opacity stroke-opacity opacity font-size font-weight font-style font-family text-anchor " +
    "dominant-baseline textlength lengthadjust transform clip-path offset stop-color dx dy aria-label aria-hidden data-layer"
  ).split(" "),
);
const HTML = new Set("p pre code strong em b i br ul ol li table thead tbody tfoot tr th td caption h2 h3 h4 span div sup sub".split(" "));
const HTML_ATTRIBUTES = new Set(["class", "colspan", "rowspan", "scope"]);

/** An SVG without all that could act or load something. Errors: `Error` if it is none. */
export function safeSvg(source: string): SVGSVGElement {
  const parsed = new DOMParser().parseFromString(source, "image/svg+xml").documentElement;
  if (parsed.localName !== "svg") throw new Error("the picture could not be read");
  keep(parsed, SVG, SVG_ATTRIBUTES);
  for (const style of parsed.querySelectorAll("style")) {
    if (/@import|url\s*\(|expression|\\/i.test(style.textContent ?? "")) style.remove();
  }
  return document.importNode(parsed, true) as unknown as SVGSVGElement;
}

/** HTML of shapecalc's answers as nodes, without all that could act or load something. */
export function safeHtml(source: string): DocumentFragment {
  const parsed = new DOMParser().parseFromString(source, "text/html").body;
  keep(parsed, HTML, HTML_ATTRIBUTES);
  for (const head of parsed.querySelectorAll("th:empty")) head.replaceWith(parsed.ownerDocument.createElement("td"));
  const fragment = document.createDocumentFragment();
  fragment.append(...[...parsed.childNodes].map((node) => document.importNode(node, true)));
  return fragment;
}

function keep(root: Element, tags: Set<string>, attributes: Set<string>): void {
  for (const element of [...root.querySelectorAll("*")]) {
    if (!tags.has(element.localName.toLowerCase())) element.remove();
  }
  for (const element of [root, ...root.querySelectorAll("*")]) {
    for (const { name, value } of [...element.attributes]) {
      const loads = /url\s*\(\s*['"]?(?!#)|javascript:|data:/i.test(value);
      if (!attributes.has(name.toLowerCase()) || loads) element.removeAttribute(name);
    }
  }
}
