import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

import { emptyPluginConfigSchema } from "moltbot/plugin-sdk";

const ISSUER = "https://auth.acme.example";
const CLIENT_ID = Buffer.from("YWNtZS1jbGllbnQ=", "base64").toString();

function inWsl(): boolean {
  try {
    return readFileSync("/proc/version", "utf8").toLowerCase().includes("microsoft");
  } catch {
    return false;
  }
}

async function listen(): Promise<{ server: Server; redirect: string; answer: Promise<URL> }> {
  let give: (url: URL) => void;
  const answer = new Promise<URL>((resolve) => {
    give = resolve;
  });
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://127.0.0.1");
    if (url.pathname !== "/callback") {
      response.writeHead(404).end("Not found");
      return;
    }
    response.writeHead(200, { "Content-Type": "text/html" }).end("<h1>You may close this window</h1>");
    setImmediate(() => server.close());
    give(url);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const { port } = server.address() as AddressInfo;
  return { server, redirect: `http://127.0.0.1:${port}/callback`, answer };
}

function readPasted(text: string): { code: string; state: string } | { error: string } {
  const typed = text.trim();
  if (!typed) return { error: "No input provided" };
  try {
    const url = new URL(typed);
    const code = url.searchParams.get("code");
    const state = url.searchParams.get("state");
    return code && state ? { code, state } : { error: "The URL lacks code or state" };
  } catch {
    return { error: "Paste the full redirect URL (not just the code)." };
  }
}

async function login(ui: {
  isRemote: boolean;
  openUrl: (url: string) => Promise<void>;
  prompt: (message: string) => Promise<string>;
  note: (message: string, title?: string) => Promise<void>;
  log: (message: string) => void;
  progress: { update: (message: string) => void; stop: (message?: string) => void };
}) {
  const verifier = randomBytes(32).toString("hex");
  const challenge = createHash("sha256").update(verifier).digest("base64url");
  const state = randomBytes(16).toString("hex");
  const manual = ui.isRemote || inWsl();
  const callback = manual ? null : await listen();
  const redirect = callback?.redirect ?? "http://127.0.0.1/callback";
  const url = new URL(`${ISSUER}/authorize`);
  const asked = { client_id: CLIENT_ID, response_type: "code", redirect_uri: redirect, state };
  for (const [name, value] of Object.entries({ ...asked, code_challenge: challenge, code_challenge_method: "S256" })) {
    url.searchParams.set(name, value);
  }
  let code: string;
  let returned: string;
  if (callback) {
    ui.progress.update("Opening the login page…");
    try {
      await ui.openUrl(url.toString());
    } catch {
      ui.log(`Open: ${url}`);
    }
    const answer = await callback.answer;
    code = answer.searchParams.get("code") ?? "";
    returned = answer.searchParams.get("state") ?? "";
  } else {
    await ui.note(`Open the URL in your local browser, then paste the redirect URL.\n\n${url}`, "Acme Gravity");
    ui.log("Copy this URL:");
    ui.log(url.toString());
    const pasted = readPasted(await ui.prompt("Paste the redirect URL:"));
    if ("error" in pasted) throw new Error(pasted.error);
    code = pasted.code;
    returned = pasted.state;
  }
  if (!code) throw new Error("Missing OAuth code");
  if (returned !== state) throw new Error("OAuth state mismatch. Please try again.");
  ui.progress.update("Exchanging code for tokens…");
  const response = await fetch(`${ISSUER}/token`, {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded" },
    body: new URLSearchParams({
      client_id: CLIENT_ID,
      code,
      grant_type: "authorization_code",
      redirect_uri: redirect,
      code_verifier: verifier,
    }),
  });
  if (!response.ok) throw new Error(`Token exchange failed: ${await response.text()}`);
  const tokens = await response.json();
  const who = await fetch(`${ISSUER}/userinfo`, { headers: { Authorization: `Bearer ${tokens.access_token}` } });
  const email = who.ok ? ((await who.json()).email as string) : undefined;
  ui.progress.stop("Acme Gravity OAuth complete");
  const expires = Date.now() + tokens.expires_in * 1000 - 5 * 60 * 1000;
  return { access: tokens.access_token, refresh: tokens.refresh_token, expires, email, projectId: "rising-fact-p41fc" };
}

export default {
  id: "acme-gravity-auth",
  name: "Acme Gravity",
  description: "OAuth for Acme Gravity",
  configSchema: emptyPluginConfigSchema(),
  register(api) {
    api.registerProvider({
      id: "acme-gravity",
      label: "Acme Gravity",
      docsPath: "/providers/models",
      aliases: ["gravity"],
      auth: [
        {
          id: "oauth",
          label: "Acme OAuth",
          hint: "PKCE + localhost callback",
          kind: "oauth",
          run: async (ctx) => {
            const spin = ctx.prompter.progress("Starting Acme Gravity OAuth…");
            try {
              const result = await login({
                isRemote: ctx.isRemote,
                openUrl: ctx.openUrl,
                prompt: async (message) => String(await ctx.prompter.text({ message })),
                note: ctx.prompter.note,
                log: (message) => ctx.runtime.log(message),
                progress: spin,
              });
              return {
                profiles: [
                  {
                    profileId: `acme-gravity:${result.email ?? "default"}`,
                    credential: { type: "oauth", provider: "acme-gravity", ...result },
                  },
                ],
                configPatch: { agents: { defaults: { models: { "acme-gravity/opus": {} } } } },
                defaultModel: "acme-gravity/opus",
                notes: ["Quotas are shared with the app."],
              };
            } catch (err) {
              spin.stop("Acme Gravity OAuth failed");
              throw err;
            }
          },
        },
      ],
    });
  },
};
