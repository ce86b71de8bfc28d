import { createRoot } from "react-dom/client";
import { startSession } from "./store/session";
import { App } from "./views/App";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/stage.css";
import "./styles/panels.css";
import "./styles/overlays.css";

startSession();

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
