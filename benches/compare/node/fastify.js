// Fastify with its session plug-in, sessions in the process, as its document shows it: who is behind the cookie?
// Started by benches/compare; ends with its standard input.

import cookie from "@fastify/cookie";
import session from "@fastify/session";
import fastify from "fastify";

const app = fastify({ keepAliveTimeout: 75_000 });
await app.register(cookie);
await app.register(session, {
  secret: "a secret of a benchmark, on loopback only",
  saveUninitialized: false,
  rolling: false,
  cookie: { secure: false, maxAge: 86_400_000 },
});
app.post("/login", async (request) => {
  request.session.user = "load";
  request.session.userId = 1;
  return { user: "load" };
});
app.get("/auth/verify", async (request, reply) => {
  const { user, userId } = request.session;
  if (user === undefined) {
    return reply.code(401).send({ user: null });
  }
  return { user, user_id: userId };
});

await app.listen({ port: 0, host: "127.0.0.1" });
console.log(`fastify ready listen=127.0.0.1:${app.server.address().port}`);
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
