import { useEffect, useRef, useState } from "react";
import { useUi } from "../shared/ui";
import { onTokenNeeded } from "../transport/api";
import { setToken } from "../transport/token";
import { KEYS } from "./keyboard";
import { reconnect } from "./session";

/** Dialogs uses the browser's dialog element, which traps focus, closes on Escape and restores the focus. */
export function Dialogs() {
  return (
    <>
      <KeysDialog />
      <TokenDialog />
    </>
  );
}

/**
 * Dialog calls onClose while the browser closes the dialog, at the beforetoggle event. The close event, for browsers
 * without beforetoggle, comes in a later task; by then the reader may have opened the dialog again.
 */
function Dialog(props: { open: boolean; title: string; onClose: () => void; children: React.ReactNode }) {
  const ref = useRef<HTMLDialogElement>(null);
  const { open } = props;
  useEffect(() => {
    if (open) ref.current?.showModal();
    else ref.current?.close();
  }, [open]);
  return (
    <dialog
      ref={ref}
      aria-label={props.title}
      onBeforeToggle={(e) => e.newState === "closed" && props.onClose()}
      onClose={() => !ref.current?.open && props.onClose()}
    >
      {open && (
        <>
          <h2>{props.title}</h2>
          {props.children}
        </>
      )}
    </dialog>
  );
}

const close = () => useUi.setState({ dialog: "" });

function KeysDialog() {
  const open = useUi((s) => s.dialog === "keys");
  return (
    <Dialog open={open} title="Keyboard shortcuts" onClose={() => open && close()}>
      <dl className="keymap">
        {KEYS.map(([key, does]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{does}</dd>
          </div>
        ))}
      </dl>
      <div className="row">
        <button type="button" onClick={() => useUi.setState({ dialog: "", tour: 0 })}>
          Show the tour
        </button>
        <button type="button" className="primary" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}

/** TokenDialog asks for a token when the API requires one. All requests that wait for the token share the answer. */
function TokenDialog() {
  const open = useUi((s) => s.dialog === "token");
  const [text, setText] = useState("");
  const waiting = useRef<((given: boolean) => void)[]>([]);
  const settle = (given: boolean) => {
    for (const resolve of waiting.current.splice(0)) resolve(given);
  };
  useEffect(() => {
    onTokenNeeded(() => {
      useUi.setState({ dialog: "token" });
      return new Promise((resolve) => waiting.current.push(resolve));
    });
  }, []);
  const submit = (e: React.FormEvent) => {
    e.preventDefault();
    setToken(text.trim());
    setText("");
    settle(true);
    close();
    reconnect();
  };
  return (
    <Dialog
      open={open}
      title="Token required"
      onClose={() => {
        settle(false);
        if (open) close();
      }}
    >
      <form onSubmit={submit}>
        <p className="quiet">
          The token is the value of <code>CHORD_TOKEN</code> on the conductor's host. Without this variable, the
          conductor makes a token and prints it at start, at the end of the page's address. This browser tab keeps the
          token until you close the tab.
        </p>
        <label>
          Token
          <input type="password" value={text} required autoComplete="off" onChange={(e) => setText(e.target.value)} />
        </label>
        <div className="row">
          <button type="button" onClick={close}>
            Not now
          </button>
          <button type="submit" className="primary">
            Use this token
          </button>
        </div>
      </form>
    </Dialog>
  );
}
