# syntax=docker/dockerfile:1
# The gateway in front of your engines. Build it from this repository: docker build -t entresol .
FROM node:22.21-bookworm-slim AS build
WORKDIR /src
COPY . .
# Scripts of dependencies stay off: none is needed, and none may run.
RUN npm ci --ignore-scripts --workspaces=false \
 && npm run build \
 && npm prune --omit=dev --ignore-scripts --workspaces=false

FROM node:22.21-bookworm-slim
# Memory that is freed goes back to the system: docs/deploy.md, "Memory".
ENV NODE_ENV=production \
    MALLOC_TRIM_THRESHOLD_=131072 \
    ENTRESOL_STATE_DIR=/var/lib/entresol \
    ENTRESOL_CACHE_DIR=/var/lib/entresol/cache
WORKDIR /app
COPY --from=build /src/package.json /src/LICENSE ./
COPY --from=build /src/node_modules ./node_modules
COPY --from=build /src/dist ./dist
RUN install -d -o 1000 -g 1000 -m 0700 /var/lib/entresol /var/lib/entresol/cache
# The image's own user `node`, by number, so that orchestrators can see that it is not root.
USER 1000:1000
VOLUME /var/lib/entresol
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
  CMD ["node", "-e", "fetch(process.env.ENTRESOL_HEALTH_URL ?? 'http://127.0.0.1:8080/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["node", "/app/dist/cli/main.mjs"]
CMD ["serve", "--config", "/etc/entresol/entresol.yaml"]
