import { useEffect, useState } from "react";
import { useUi } from "../store/ui";

/** useThemeSerial changes whenever the page's colours do, so that what is drawn by hand is drawn anew. */
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
