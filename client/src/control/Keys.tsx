import { useState } from "react";
import { plural, size } from "../model/words";
import { useBusy } from "../shared/useBusy";
import { call, messageOf } from "../transport/api";

type Result = { kind: "value" | "done" | "error"; text: string } | null;

/** Keys puts, gets and deletes a key through the ring. */
export function Keys() {
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [result, setResult] = useState<Result>(null);
  const [busy, run] = useBusy();
  const path = `/api/keys/${encodeURIComponent(key)}`;
  const attempt = (work: () => Promise<Result>) =>
    run(async () => {
      try {
        setResult(await work());
      } catch (err) {
        setResult({ kind: "error", text: messageOf(err) });
      }
    });
  const put = () =>
    attempt(async () => {
      const response = await call(path, { method: "PUT", body: value, type: "application/octet-stream" });
      const { copies: replicas } = (await response.json()) as { copies?: number };
      return { kind: "done", text: `Stored${replicas ? ` on ${plural(replicas, "replica")}` : ""}.` };
    });
  const get = () =>
    attempt(async () => {
      const bytes = new Uint8Array(await (await call(path)).arrayBuffer());
      const text = new TextDecoder("utf-8", { fatal: false }).decode(bytes.subarray(0, 2000));
      return { kind: "value", text: bytes.length > 2000 ? `${text}… (${size(bytes.length)})` : text };
    });
  const remove = () =>
    attempt(async () => {
      await call(path, { method: "DELETE" });
      return { kind: "done", text: "Deleted." };
    });
  return (
    <section aria-labelledby="control-keys">
      <h3 id="control-keys">Keys</h3>
      <div className="row">
        <label className="grow">
          Key
          <input value={key} maxLength={1024} onChange={(e) => setKey(e.target.value)} autoComplete="off" />
        </label>
        <label className="grow">
          Value
          <input value={value} onChange={(e) => setValue(e.target.value)} autoComplete="off" />
        </label>
      </div>
      <div className="row">
        <button type="button" disabled={busy || !key} onClick={put}>
          Put
        </button>
        <button type="button" disabled={busy || !key} onClick={get}>
          Get
        </button>
        <button type="button" disabled={busy || !key} onClick={remove}>
          Delete
        </button>
      </div>
      {result && (
        <p
          className={result.kind === "error" ? "form-error" : "result"}
          role={result.kind === "error" ? "alert" : "status"}
        >
          {result.kind === "value" ? <q>{result.text}</q> : result.text}
        </p>
      )}
    </section>
  );
}
