# syntax=docker/dockerfile:1

# The toolchain. Its series is the one that go.mod names.
ARG GO_IMAGE=docker.io/library/golang:1.26
# What the debug image adds: a shell and curl for those who exec into a pod.
ARG DEBUG_IMAGE=docker.io/curlimages/curl:8.16.0

FROM ${GO_IMAGE} AS source
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .

FROM source AS build
# The target to build: k8s or knative. The binary has the same name in every image.
ARG TARGET=k8s
ARG REVISION=unknown
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -tags=grpcnotrace"
RUN go build -ldflags "-s -w -X github.com/podinfo-targets/podinfo/shared/version.Revision=${REVISION}" \
      -o /out/home/app/podinfo ./targets/${TARGET} \
 && go build -ldflags "-s -w" -o /out/usr/local/bin/podcli ./podcli \
 && mkdir -p /out/etc/ssl/certs /out/data /out/tmp \
 && cp /etc/ssl/certs/ca-certificates.crt /out/etc/ssl/certs/ \
 && chmod 1777 /out/tmp && chown 65532:65532 /out/data

# Shell, curl and the same files. Built with --target debug.
FROM ${DEBUG_IMAGE} AS debug
COPY --from=build /out/ /
ARG VERSION=unknown
ARG REVISION=unknown
ARG BUILD_DATE
LABEL org.opencontainers.image.title="podinfo (debug)" \
      org.opencontainers.image.description="podinfo with a shell and curl" \
      org.opencontainers.image.source="https://github.com/podinfo-targets/podinfo" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${BUILD_DATE}"
WORKDIR /home/app
USER 65532:65532
ENTRYPOINT []
CMD ["./podinfo"]

FROM source AS build-plugins
ENV CGO_ENABLED=0 GOFLAGS="-trimpath -buildvcs=false -tags=grpcnotrace"
RUN mkdir -p /out/plugins \
 && go build -ldflags "-s -w" -o /out/plugins/ ./plugins/protocol-* \
 && go build -ldflags "-s -w" -o /out/install ./plugins/install

# The sample plugins, and the program that puts them onto a volume. Built with --target plugins.
FROM scratch AS plugins
COPY --from=build-plugins /out/ /
ARG VERSION=unknown
ARG REVISION=unknown
ARG BUILD_DATE
LABEL org.opencontainers.image.title="podinfo (plugins)" \
      org.opencontainers.image.description="Protocol plugins for podinfo, to be put onto a volume" \
      org.opencontainers.image.source="https://github.com/podinfo-targets/podinfo" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${BUILD_DATE}"
USER 65532:65532
ENTRYPOINT ["/install"]
CMD ["/volume"]

# The image to deploy: two static binaries and the certificates of the public authorities, nothing else.
FROM scratch AS final
COPY --from=build /out/ /
ARG VERSION=unknown
ARG REVISION=unknown
ARG BUILD_DATE
LABEL org.opencontainers.image.title="podinfo" \
      org.opencontainers.image.description="A tiny web application that shows how microservices behave" \
      org.opencontainers.image.source="https://github.com/podinfo-targets/podinfo" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${BUILD_DATE}"
ENV PATH=/usr/local/bin
WORKDIR /home/app
USER 65532:65532
CMD ["./podinfo"]
