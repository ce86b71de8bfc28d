import { useEffect, useState } from "react";
import { useUi } from "./ui";

/** useThemeSerial returns a value that changes with the page's colours, so that canvases are redrawn. */
export function useThemeSerial(): string {
  const theme = useUi((s) => s.theme);
  const [dark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const change = () => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return `${theme}-${dark}`;
}
