import { h } from "../dom";
import { safeSvg } from "../safe";

/** The least part of its size that a picture is shown at, unless it is made smaller: its words can be read. */
const LEGIBLE = 0.62;

/** Where a picture is shown: to the width of the pane, as far as it is legible, or larger. It is in a shadow root, so that its styles stay in it. */
export class Stage {
  readonly element = h("div.stage", { tabindex: 0, role: "region" });
  private readonly root: ShadowRoot;
  private svg: SVGSVGElement | null = null;
  private source = "";
  private zoom: number | "legible" = "legible";

  constructor(label: string, chosen: (name: string) => void = () => undefined) {
    this.element.setAttribute("aria-label", label);
    const host = h("div.picture");
    this.root = host.attachShadow({ mode: "open" });
    this.element.append(host);
    this.root.addEventListener("click", (event) => {
      // The first part of the title of a shape is the name of its layer.
      const titled = (event.target as Element).closest("[data-layer], :has(> title)");
      const name = titled?.getAttribute("data-layer") ?? titled?.querySelector("title")?.textContent?.split(" · ")[0];
      if (name) chosen(name);
    });
  }

  show(source: string): void {
    if (source === this.source) return;
    this.source = source;
    const style = document.createElement("style");
    style.textContent = ":host{display:block}svg{display:block;margin:auto;height:auto}:has(>title):not(svg){cursor:pointer}";
    try {
      this.svg = source ? safeSvg(source) : null;
    } catch {
      this.svg = null;
    }
    this.root.replaceChildren(style, ...(this.svg ? [this.svg] : []));
    this.scale(this.zoom);
  }

  /** 0 is "as large as fits, at most its own size", "legible" the same, but not too small; else a factor. */
  scale(zoom: number | "legible"): void {
    this.zoom = zoom;
    if (!this.svg) return;
    const width = this.svg.viewBox.baseVal?.width || 400;
    const isFactor = typeof zoom === "number" && zoom > 0;
    this.svg.style.width = isFactor ? `${width * zoom}px` : "";
    this.svg.style.minWidth = zoom === "legible" ? `${width * LEGIBLE}px` : "";
    this.svg.style.maxWidth = isFactor ? "none" : "100%";
  }

  zoomBy(factor: number): void {
    const drawn = this.svg?.getBoundingClientRect().width ?? 0;
    const width = this.svg?.viewBox.baseVal?.width || 400;
    this.scale(Math.min(8, Math.max(0.05, (drawn / width) * factor)));
  }
}

/** An SVG as the bytes of a PNG, drawn by the browser at twice its size. */
export async function toPng(source: string): Promise<Blob> {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([source], { type: "image/svg+xml" }));
  try {
    image.src = url;
    await image.decode();
    const factor = Math.min(2, Math.sqrt(60e6 / (image.naturalWidth * image.naturalHeight)), 16_000 / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = h("canvas", { width: Math.round(image.naturalWidth * factor), height: Math.round(image.naturalHeight * factor) });
    canvas.getContext("2d")?.drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve, reject) =>
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for a PNG"))), "image/png"),
    );
  } finally {
    URL.revokeObjectURL(url);
  }
}
