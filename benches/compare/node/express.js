// Express with express-session and connect-redis, as their documents show it: who is behind the cookie?
// Started by benches/compare; ends with its standard input.

import express from "express";
import session from "express-session";
import { RedisStore } from "connect-redis";
import { createClient } from "redis";

const client = createClient({ url: process.env.REDIS_URL });
await client.connect();

const app = express();
app.use(
  session({
    store: new RedisStore({ client, prefix: "express:" }),
    secret: "a secret of a benchmark, on loopback only",
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: 86_400_000 },
  }),
);
app.post("/login", (request, response) => {
  request.session.user = "load";
  request.session.userId = 1;
  response.json({ user: "load" });
});
app.get("/auth/verify", (request, response) => {
  const { user, userId } = request.session;
  if (user === undefined) {
    response.status(401).json({ user: null });
  } else {
    response.json({ user, user_id: userId });
  }
});

const server = app.listen(0, "127.0.0.1", () => {
  console.log(`express ready listen=127.0.0.1:${server.address().port}`);
});
server.keepAliveTimeout = 75_000;
process.stdin.resume();
process.stdin.on("end", () => process.exit(0));
