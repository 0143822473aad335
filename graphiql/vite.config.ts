import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

// In development the page comes from Vite and everything else from a running server.
const server = process.env.PALISADE_URL ?? 'http://127.0.0.1:8080';

export default defineConfig({
  base: '/graphiql/',
  plugins: [react()],
  build: {
    // A file stays a file: the page's policy allows scripts and workers from 'self' only.
    assetsInlineLimit: 0,
    // Every browser that runs GraphiQL knows modulepreload.
    modulePreload: { polyfill: false },
    // Monaco alone is over the default of 500 kB; it is loaded after the first paint.
    chunkSizeWarningLimit: 4000,
    rolldownOptions: {
      onwarn(warning, report) {
        // "use no memo" speaks to the React compiler, which GraphiQL's authors have run already.
        if (warning.code !== 'MODULE_LEVEL_DIRECTIVE') report(warning);
      },
    },
  },
  worker: { format: 'es' },
  // Development only. The workers' `?worker` imports are Vite's to resolve, the dependency bundler
  // does not know them; and what the GraphQL worker imports is CommonJS, which a browser is not.
  optimizeDeps: {
    exclude: ['graphiql/setup-workers/vite', '@graphiql/react/setup-workers/vite'],
    include: ['picomatch-browser', 'nullthrows'],
  },
  server: {
    proxy: { '/graphql': server, '/demo': server },
  },
});
