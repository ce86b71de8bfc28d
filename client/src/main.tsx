import { createRoot } from "react-dom/client";
import { startSession } from "./store/session";
import { App } from "./views/App";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/stage.css";
import "./styles/member.css";
import "./styles/feed.css";
import "./styles/members.css";
import "./styles/lookups.css";
import "./styles/charts.css";
import "./styles/control.css";
import "./styles/overlays.css";

startSession();

const root = document.getElementById("root");
if (root) createRoot(root).render(<App />);
