import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";
import { fakeConductor } from "./dev/plugin.ts";

const conductor = process.env.CONDUCTOR ?? "http://127.0.0.1:4321";

// CHORD_FAKE=1000 npm run dev: a made-up ring of 1,000 members in place of a running conductor.
const fake = process.env.CHORD_FAKE;

export default defineConfig({
  plugins: [react(), ...(fake ? [fakeConductor({ members: Number(fake) })] : [])],
  base: "./", // the page may be below a proxy's prefix, which it does not know
  build: {
    target: "es2022",
    reportCompressedSize: false,
    // Fonts stay files of their own, so that a strict content security policy can hold.
    assetsInlineLimit: 0,
  },
  server: {
    port: 4322,
    strictPort: true,
    // changeOrigin: the conductor checks the Host header; the Origin header is set to match for the same reason.
    proxy: fake
      ? undefined
      : {
          "/api": { target: conductor, changeOrigin: true, headers: { origin: conductor } },
          "/ws": { target: conductor, changeOrigin: true, ws: true, headers: { origin: conductor } },
        },
  },
  test: {
    projects: [
      { extends: true, test: { name: "unit", environment: "node", include: ["src/**/*.test.{ts,tsx}"] } },
      {
        extends: true,
        test: {
          name: "browser",
          environment: "node",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "real",
          environment: "node",
          include: ["test/real/**/*.test.ts"],
          testTimeout: 90_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        extends: true,
        test: {
          name: "bench",
          environment: "node",
          include: ["bench/**/*.test.ts"],
          testTimeout: 900_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
