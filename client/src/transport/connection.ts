import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  ClientMessageSchema,
  type NodeDetail,
  type Patch,
  type ServerMessage,
  ServerMessageSchema,
  type Snapshot,
  type Welcome,
} from "../wire/hub_pb";

/** Listener receives the connection's events. */
export interface Listener {
  /** A socket is being opened, for the attempt-th time since the last success. */
  connecting(attempt: number): void;
  /** The socket is gone, or could not be opened; the next attempt is at the given time (Date.now). */
  lost(retryAt: number, attempt: number): void;
  welcome(message: Welcome): void;
  snapshot(message: Snapshot): void;
  /** patch throws if the patch cannot be applied; the connection then starts again with a snapshot. */
  patch(message: Patch): void;
  detail(message: NodeDetail): void;
}

export interface Options {
  url: string;
  protocols: () => string[];
  /** The picture's epoch and sequence number, sent in Hello, so that a reconnection receives only the missed patches. */
  position: () => { epoch: string; seq: bigint };
  listener: Listener;
  socket?: (url: string, protocols: string[]) => WebSocket;
  random?: () => number;
}

const FIRST_DELAY = 250;
const MAX_DELAY = 10_000;
/**
 * After this time without a message, in milliseconds, the connection counts as dead: the conductor sends a ring state
 * about every second.
 */
const SILENCE = 15_000;

/** Connection keeps a WebSocket open. When it is lost, Connection opens another after a growing, jittered delay. */
export class Connection {
  private socket: WebSocket | undefined;
  private attempt = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private watched: Uint8Array = new Uint8Array(0);
  private fresh = false;
  private closed = false;
  private readonly options: Options;

  constructor(options: Options) {
    this.options = options;
  }

  open(): void {
    if (this.closed || this.socket) return;
    clearTimeout(this.retry);
    this.attempt++;
    this.options.listener.connecting(this.attempt);
    const make = this.options.socket ?? ((url, protocols) => new WebSocket(url, protocols));
    const socket = make(this.options.url, this.options.protocols());
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    socket.onopen = () => {
      const { epoch, seq } = this.options.position();
      this.send({ case: "hello", value: { epoch: this.fresh ? "" : epoch, lastSeq: this.fresh ? 0n : seq } });
      this.fresh = false;
      if (this.watched.length) this.send({ case: "watch", value: { id: this.watched } });
      this.guard();
    };
    socket.onmessage = (event) => this.receive(socket, event.data);
    socket.onclose = () => this.drop(socket);
  }

  /** retryNow skips the delay: at the user's request, or when the browser reports that the network is back. */
  retryNow(): void {
    if (this.socket || this.closed) return;
    this.open();
  }

  /** watch subscribes to one member's details, also after a reconnection; an empty identifier ends the subscription. */
  watch(id: Uint8Array): void {
    this.watched = id;
    if (this.socket?.readyState === 1) this.send({ case: "watch", value: { id } });
  }

  /** restart replaces the socket, for instance because the token changed. */
  restart(): void {
    const socket = this.socket;
    if (socket) {
      this.attempt = 0;
      socket.close();
      this.drop(socket);
    }
    this.retryNow();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    clearTimeout(this.watchdog);
    this.socket?.close();
    this.socket = undefined;
  }

  private send(message: Parts): void {
    const bytes = toBinary(ClientMessageSchema, create(ClientMessageSchema, { message }));
    this.socket?.send(bytes as Uint8Array<ArrayBuffer>);
  }

  private receive(socket: WebSocket, data: unknown): void {
    if (socket !== this.socket) return;
    this.guard();
    try {
      if (!(data instanceof ArrayBuffer)) throw new Error("expected a binary message, got text");
      this.dispatch(fromBinary(ServerMessageSchema, new Uint8Array(data)));
    } catch (err) {
      console.warn("conductor connection starts over:", err);
      this.fresh = true;
      socket.close();
      this.drop(socket);
    }
  }

  private dispatch({ message }: ServerMessage): void {
    const { listener } = this.options;
    switch (message.case) {
      case "welcome":
        this.attempt = 0;
        listener.welcome(message.value);
        break;
      case "snapshot":
        listener.snapshot(message.value);
        break;
      case "patch":
        listener.patch(message.value);
        break;
      case "detail":
        listener.detail(message.value);
        break;
    }
  }

  private guard(): void {
    clearTimeout(this.watchdog);
    const socket = this.socket;
    this.watchdog = setTimeout(() => {
      if (!socket || socket !== this.socket) return;
      socket.close();
      this.drop(socket);
    }, SILENCE);
  }

  private drop(socket: WebSocket): void {
    if (socket !== this.socket) return;
    this.socket = undefined;
    clearTimeout(this.watchdog);
    if (this.closed) return;
    const random = this.options.random ?? Math.random;
    const delay = Math.min(MAX_DELAY, FIRST_DELAY * 2 ** Math.min(this.attempt, 8)) * (0.5 + random() / 2);
    this.retry = setTimeout(() => this.open(), delay);
    this.options.listener.lost(Date.now() + delay, this.attempt);
  }
}

type Parts =
  | { case: "hello"; value: { epoch: string; lastSeq: bigint } }
  | { case: "watch"; value: { id: Uint8Array } };
