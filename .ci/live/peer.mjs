// `ws` as a live peer of the WebSocket codec: `serve`, or `ask ADDRESS`.
import { createRequire } from "node:module";
import assert from "node:assert";

const { WebSocket, WebSocketServer } = createRequire(`${process.env.PEERS}/`)("ws");

if (process.argv[2] === "serve") {
  const server = new WebSocketServer({ host: "127.0.0.1", port: 0 }, () => {
    const { address, port } = server.address();
    console.log(`${address}:${port}`);
  });
  server.on("connection", (socket) => socket.on("message", (data, binary) => socket.send(data, { binary })));
} else {
  const socket = new WebSocket(`ws://${process.argv[3]}/`, ["chat"]);
  const next = (event) => new Promise((resolve) => socket.once(event, (...all) => resolve(all)));
  await next("open");
  assert.equal(socket.protocol, "chat");
  for (const length of [0, 1, 125, 126, 65535, 65536, 1 << 20]) {
    for (const message of ["x".repeat(length), Buffer.alloc(length, "x")]) {
      socket.send(message);
      const [data, binary] = await next("message");
      assert.equal(binary, typeof message !== "string");
      assert.equal(data.toString(), message.toString());
    }
  }
  // In fragments, with a ping in between. Both answers may come in one read, whose events follow each other at once: who waits
  // for the second only when the first is there may miss it.
  const answers = Promise.all([next("pong"), next("message")]);
  socket.send("κό", { fin: false });
  socket.ping("there?");
  socket.send("σμε", { fin: true });
  const [[pong], [message]] = await answers;
  assert.equal(pong.toString(), "there?");
  assert.equal(message.toString(), "κόσμε");
  socket.close(4001, "enough");
  assert.equal((await next("close"))[0], 4001);
  console.log("npm's ws: all echoed");
}
