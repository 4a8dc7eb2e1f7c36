import "./styles/page.css";
import { App } from "./app";
import { setUpCommands } from "./commands";
import { PyodideEngine } from "./engine/pyodide";
import { ServerEngine, keepToken } from "./engine/server";

// One front end, two engines: which of them is settled when it is built, and the other is left out.
if (import.meta.env.MODE === "static") {
  const app = new App(new PyodideEngine());
  setUpCommands(app, "page");
  void app.start();
} else {
  keepToken();
  addEventListener("hashchange", keepToken); // of a server that was started again: its address is opened in this tab
  const app = new App(new ServerEngine());
  setUpCommands(app, "server");
  void app.start();
}
