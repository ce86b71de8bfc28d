import { useEffect } from "react";
import { Icon } from "../shared/Icon";
import { useUi } from "../shared/ui";

/** NoticeLine shows the last command's result. Failures stay until they are dismissed. */
export function NoticeLine() {
  const notice = useUi((s) => s.notice);
  useEffect(() => {
    if (notice?.kind !== "done") return;
    const timer = setTimeout(() => useUi.setState({ notice: null }), 5000);
    return () => clearTimeout(timer);
  }, [notice]);
  if (!notice) return null;
  return (
    <div className="notice" data-kind={notice.kind} role={notice.kind === "failed" ? "alert" : "status"}>
      <Icon name={notice.kind === "failed" ? "alert" : "check"} />
      <span>{notice.text}</span>
      <button
        type="button"
        className="icon-button"
        aria-label="Dismiss"
        onClick={() => useUi.setState({ notice: null })}
      >
        <Icon name="close" />
      </button>
    </div>
  );
}
