# The server in a container:
#
#     docker build -t amanuensis .
#     docker run -p 9004:9004 -v amanuensis:/data amanuensis
#
# The model is fetched at the first start and stays in the volume. Keys:
#     docker exec CONTAINER amanuensis keys add NAME
FROM debian:12-slim AS build
WORKDIR /source
COPY tools/packages.txt tools/setup.sh tools/
RUN sh tools/setup.sh
COPY . .
RUN meson setup build --buildtype=release && ninja -C build && tools/make_deb.sh build /package

FROM debian:12-slim
COPY --from=build /package/*.deb /tmp/
RUN apt-get update \
    && apt-get install -y --no-install-recommends /tmp/*.deb curl \
    && rm -rf /tmp/*.deb /var/lib/apt/lists/* \
    && install -d -o amanuensis -g amanuensis /data
USER amanuensis
ENV AMANUENSIS_DATA_DIR=/data AMANUENSIS_MODELS=/data/models AMANUENSIS_HOST=0.0.0.0 \
    AMANUENSIS_MODEL=base
VOLUME /data
EXPOSE 9004
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s \
    CMD curl -fs http://localhost:9004/health || exit 1
CMD ["sh", "-c", "amanuensis pull \"$AMANUENSIS_MODEL\" && exec amanuensis serve"]
