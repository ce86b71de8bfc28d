import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ClientMessageSchema, PatchSchema, ServerMessageSchema, WelcomeSchema } from "../wire/hub_pb";
import { Connection, type Listener } from "./connection";

/** A WebSocket without a network: the test acts as the other end. */
class FakeSocket {
  static made: FakeSocket[] = [];
  binaryType = "";
  readyState = 0;
  sent: Uint8Array[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  onmessage: ((e: { data: unknown }) => void) | null = null;
  onclose: (() => void) | null = null;
  readonly protocols: string[];
  constructor(_url: string, protocols: string[]) {
    this.protocols = protocols;
    FakeSocket.made.push(this);
  }
  send(data: Uint8Array) {
    this.sent.push(data);
  }
  close() {
    this.closed = true;
  }
  accept() {
    this.readyState = 1;
    this.onopen?.();
  }
  deliver(message: unknown) {
    const bytes = toBinary(ServerMessageSchema, create(ServerMessageSchema, { message } as never));
    this.onmessage?.({ data: bytes.slice().buffer });
  }
  said() {
    return this.sent.map((bytes) => fromBinary(ClientMessageSchema, bytes).message);
  }
}

describe("Connection", () => {
  let listener: { [K in keyof Listener]: ReturnType<typeof vi.fn> };
  let position = { epoch: "", seq: 0n };
  const last = () => FakeSocket.made.at(-1) as FakeSocket;
  const open = () => {
    const connection = new Connection({
      url: "ws://test/ws",
      protocols: () => ["chord.v1"],
      position: () => position,
      listener: listener as unknown as Listener,
      socket: (url, protocols) => new FakeSocket(url, protocols) as unknown as WebSocket,
      random: () => 1,
    });
    connection.open();
    return connection;
  };
  beforeEach(() => {
    vi.useFakeTimers();
    vi.spyOn(console, "warn").mockImplementation(() => {});
    FakeSocket.made = [];
    position = { epoch: "", seq: 0n };
    listener = {
      connecting: vi.fn(),
      lost: vi.fn(),
      welcome: vi.fn(),
      snapshot: vi.fn(),
      patch: vi.fn(),
      detail: vi.fn(),
    };
  });
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it("sends Hello with its position, and passes messages on", () => {
    position = { epoch: "e1", seq: 41n };
    open();
    last().accept();
    expect(last().said()[0]).toMatchObject({ case: "hello", value: { epoch: "e1", lastSeq: 41n } });
    last().deliver({ case: "welcome", value: create(WelcomeSchema, { epoch: "e1", seq: 42n, resumed: true }) });
    last().deliver({ case: "patch", value: create(PatchSchema, { baseSeq: 41n, seq: 42n }) });
    expect(listener.welcome).toHaveBeenCalledOnce();
    expect(listener.patch.mock.calls[0][0].seq).toBe(42n);
  });

  it("tries again with growing delays, and starts small after a success", () => {
    open();
    const delays: number[] = [];
    for (let i = 0; i < 8; i++) {
      last().onclose?.();
      delays.push(listener.lost.mock.lastCall?.[0] - Date.now());
      vi.advanceTimersByTime(10_000);
    }
    expect(delays).toEqual([500, 1000, 2000, 4000, 8000, 10_000, 10_000, 10_000]);
    last().accept();
    last().deliver({ case: "welcome", value: create(WelcomeSchema) });
    last().onclose?.();
    expect(listener.lost.mock.lastCall?.[0] - Date.now()).toBe(250);
  });

  it("starts over with a snapshot when a patch does not fit", () => {
    position = { epoch: "e1", seq: 7n };
    open();
    last().accept();
    listener.patch.mockImplementation(() => {
      throw new Error("does not fit");
    });
    last().deliver({ case: "patch", value: create(PatchSchema) });
    expect(last().closed).toBe(true);
    vi.advanceTimersByTime(10_000);
    expect(FakeSocket.made).toHaveLength(2);
    last().accept();
    expect(last().said()[0]).toMatchObject({ case: "hello", value: { epoch: "", lastSeq: 0n } });
  });

  it("starts over after bytes that are not a message", () => {
    open();
    last().accept();
    last().onmessage?.({ data: "text" });
    expect(last().closed).toBe(true);
    vi.advanceTimersByTime(10_000);
    last().accept();
    last().onmessage?.({ data: new Uint8Array([255, 255, 255]).buffer });
    expect(last().closed).toBe(true);
  });

  it("treats silence as a dead connection", () => {
    open();
    last().accept();
    vi.advanceTimersByTime(14_000);
    last().deliver({ case: "patch", value: create(PatchSchema) });
    vi.advanceTimersByTime(14_000);
    expect(last().closed).toBe(false);
    vi.advanceTimersByTime(2000);
    expect(FakeSocket.made[0].closed).toBe(true);
    expect(listener.lost).toHaveBeenCalledOnce();
  });

  it("subscribes to the watched member again after a reconnection", () => {
    const connection = open();
    last().accept();
    connection.watch(new Uint8Array(20).fill(7));
    expect(last().said()[1]).toMatchObject({ case: "watch" });
    last().onclose?.();
    vi.advanceTimersByTime(10_000);
    last().accept();
    expect(
      last()
        .said()
        .map((m) => m.case),
    ).toEqual(["hello", "watch"]);
  });

  it("ignores messages of a dropped socket, and opens none once closed", () => {
    const connection = open();
    const old = last();
    old.accept();
    connection.restart();
    old.deliver({ case: "patch", value: create(PatchSchema) });
    old.onclose?.();
    expect(listener.patch).not.toHaveBeenCalled();
    expect(FakeSocket.made).toHaveLength(2);
    connection.close();
    vi.advanceTimersByTime(60_000);
    expect(FakeSocket.made).toHaveLength(2);
  });
});
