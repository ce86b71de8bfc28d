import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";

const BINARY = process.env.CONDUCTOR_BINARY ?? fileURLToPath(new URL("../../../bin/conductor", import.meta.url));

/** A Running conductor: its root URL, where /healthz is always answered, and its port for OTLP over HTTP. */
export interface Running {
  url: string;
  otlp: string;
  close(): Promise<void>;
}

/** free returns a free port below the range from which the system assigns ports. */
async function free(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      continue; // taken
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** start starts the built conductor on free ports, by default with its demo ring. */
export async function start(...args: string[]): Promise<Running> {
  const [http, grpc, otlp] = [await free(), await free(), await free()];
  const url = `http://127.0.0.1:${http}/`;
  let printed = "";
  const conductor: ChildProcess = spawn(BINARY, [
    `--http=127.0.0.1:${http}`,
    `--otlp-grpc=127.0.0.1:${grpc}`,
    `--otlp-http=127.0.0.1:${otlp}`,
    ...args,
  ]);
  conductor.stdout?.on("data", (text) => (printed += text));
  conductor.stderr?.on("data", (text) => (printed += text));
  for (const end = Date.now() + 45_000; ; ) {
    if (conductor.exitCode !== null) throw new Error(`the conductor ended:\n${printed}`);
    const answer = await fetch(`${url}healthz`).catch(() => undefined);
    if (answer?.ok) break;
    if (Date.now() > end) throw new Error(`the conductor does not answer:\n${printed}`);
  }
  return {
    url,
    otlp: `http://127.0.0.1:${otlp}/`,
    close: async () => {
      if (conductor.exitCode !== null) return;
      conductor.kill("SIGINT");
      await once(conductor, "exit");
    },
  };
}
