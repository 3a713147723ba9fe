import { createHash, randomBytes } from "node:crypto";

const ISSUER = "https://auth.acme.example";
const CLIENT_ID = "acme-client";
const GRANT = "urn:ietf:params:oauth:grant-type:device_code";

export type PortalToken = { access: string; refresh: string; expires: number };

type Device = {
  device_code: string;
  user_code: string;
  verification_uri: string;
  verification_uri_complete?: string;
  expires_in: number;
  interval?: number;
};

type Poll = { done: true; token: PortalToken } | { done: false; slower: boolean };

function form(fields: Record<string, string>) {
  return {
    method: "POST",
    headers: { "Content-Type": "application/x-www-form-urlencoded", Accept: "application/json" },
    body: new URLSearchParams(fields).toString(),
  };
}

async function begin(challenge: string): Promise<Device> {
  const answer = await fetch(
    `${ISSUER}/device/code`,
    form({ client_id: CLIENT_ID, scope: "openid", code_challenge: challenge, code_challenge_method: "S256" }),
  );
  if (!answer.ok) throw new Error(`Device authorization failed: ${await answer.text()}`);
  return (await answer.json()) as Device;
}

async function poll(device: Device, verifier: string): Promise<Poll> {
  const answer = await fetch(
    `${ISSUER}/token`,
    form({ grant_type: GRANT, client_id: CLIENT_ID, device_code: device.device_code, code_verifier: verifier }),
  );
  const body = await answer.json();
  if (answer.ok) {
    const expires = Date.now() + body.expires_in * 1000;
    return { done: true, token: { access: body.access_token, refresh: body.refresh_token, expires } };
  }
  if (body.error === "authorization_pending") return { done: false, slower: false };
  if (body.error === "slow_down") return { done: false, slower: true };
  throw new Error(`Login failed: ${body.error}`);
}

export async function loginPortal(ui: {
  openUrl: (url: string) => Promise<void>;
  note: (message: string, title?: string) => Promise<void>;
  progress: { update: (message: string) => void; stop: (message?: string) => void };
}): Promise<PortalToken> {
  const verifier = randomBytes(32).toString("base64url");
  const device = await begin(createHash("sha256").update(verifier).digest("base64url"));
  const url = device.verification_uri_complete || device.verification_uri;
  await ui.note([`Open ${url} and approve.`, `Code: ${device.user_code}`].join("\n"), "Acme Portal");
  try {
    await ui.openUrl(url);
  } catch {
    // The note says where to go.
  }
  const end = Date.now() + device.expires_in * 1000;
  let pause = (device.interval ?? 2) * 1000;
  while (Date.now() < end) {
    ui.progress.update("Waiting for approval…");
    const found = await poll(device, verifier);
    if (found.done) return found.token;
    if (found.slower) pause = Math.min(pause * 1.5, 10_000);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
  throw new Error("Login timed out.");
}
