import { once } from "node:events";
import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo, Socket } from "node:net";

/** proxy serves a conductor below a prefix, which it strips or keeps. It records requests outside the prefix. */
export async function proxy(
  to: string,
  prefix: string,
  strip: boolean,
): Promise<{ url: string; strays: string[]; close(): Promise<void> }> {
  const target = new URL(to);
  const strays: string[] = [];
  const open = new Set<Socket>();
  const onward = (asked: IncomingMessage) =>
    request({
      host: target.hostname,
      port: target.port,
      method: asked.method,
      headers: asked.headers,
      path: strip ? asked.url?.slice(prefix.length) : asked.url,
    });
  const inside = (asked: IncomingMessage) => {
    if (asked.url?.startsWith(`${prefix}/`)) return true;
    strays.push(asked.url ?? "");
    return false;
  };
  const server = createServer((asked, answer) => {
    if (!inside(asked)) {
      answer.writeHead(404).end();
      return;
    }
    const far = onward(asked);
    far.on("error", () => answer.destroy());
    far.on("response", (got) => {
      answer.writeHead(got.statusCode ?? 502, got.headers);
      got.pipe(answer);
    });
    asked.pipe(far);
  });
  server.on("connection", (socket: Socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  server.on("upgrade", (asked: IncomingMessage, near: Socket) => {
    if (!inside(asked)) {
      near.destroy();
      return;
    }
    const far = onward(asked);
    far.on("error", () => near.destroy());
    far.on("upgrade", (got, socket) => {
      const lines = Object.entries(got.headers).map(([name, value]) => `${name}: ${value}`);
      near.write(`HTTP/1.1 101 Switching Protocols\r\n${lines.join("\r\n")}\r\n\r\n`);
      socket.pipe(near).pipe(socket);
      socket.on("error", () => near.destroy());
      near.on("error", () => socket.destroy());
      near.on("close", () => socket.destroy());
    });
    far.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    strays,
    close: async () => {
      server.close();
      for (const socket of open) socket.destroy();
      await once(server, "close");
    },
  };
}
