import type { OpenClawPluginApi, ProviderAuthContext } from "openclaw/plugin-sdk";

import { Flow, ISSUER, waitForCallback } from "./oauth.js";

async function run(ctx: ProviderAuthContext) {
  const spin = ctx.prompter.progress("Starting Acme CLI OAuth…");
  const flow = new Flow(ISSUER);
  const callback = ctx.isRemote ? null : await waitForCallback();
  const redirect = callback?.redirect ?? "http://127.0.0.1/callback";
  const handlers = ctx.oauth.createVpsAwareHandlers({
    isRemote: ctx.isRemote,
    prompter: ctx.prompter,
    runtime: ctx.runtime,
    spin,
    openUrl: ctx.openUrl,
    localBrowserMessage: "Complete sign-in in the browser…",
  });
  try {
    await handlers.onAuth({ url: flow.authorizeUrl(redirect) });
    const answer = callback ? await callback.url : await handlers.onPrompt({ message: "Paste the code or URL" });
    const tokens = await flow.exchange(flow.read(answer), redirect);
    spin.stop("Acme CLI OAuth complete");
    return {
      profiles: [
        {
          profileId: "acme-cli:default",
          credential: {
            type: "oauth" as const,
            provider: "acme-cli",
            access: tokens.access_token,
            refresh: tokens.refresh_token,
            expires: Date.now() + tokens.expires_in * 1000,
          },
        },
      ],
    };
  } finally {
    callback?.close();
  }
}

export function register(api: OpenClawPluginApi) {
  api.registerProvider({
    id: "acme-cli",
    label: "Acme CLI",
    envVars: ["ACME_CLI_TOKEN"],
    auth: [{ id: "oauth", label: "Acme CLI OAuth", kind: "oauth", run }],
    formatApiKey: (credential) => JSON.stringify({ token: credential.access }),
    refreshOAuth: async (credential) => {
      const response = await fetch(`${ISSUER}/token`, {
        method: "POST",
        body: new URLSearchParams({
          grant_type: "refresh_token",
          client_id: "acme-client",
          refresh_token: credential.refresh,
        }),
      });
      const body = await response.json();
      if (!response.ok) throw new Error(`refresh failed: ${body.error}`);
      return {
        ...credential,
        access: body.access_token,
        refresh: body.refresh_token ?? credential.refresh,
        expires: Date.now() + body.expires_in * 1000,
      };
    },
  });
}
