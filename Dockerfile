# The images, for those who have Docker: docker build --target media . and docker build --target operator .
# `make image` writes the same two without it; flags and layout are the same there.
FROM golang:1.26 AS build
WORKDIR /src
ENV CGO_ENABLED=0 GOFLAGS=-buildvcs=false
COPY go.mod go.sum ./
RUN go mod download
COPY api api
COPY controllers controllers
COPY mediaserver mediaserver
ARG TARGETOS=linux
ARG TARGETARCH
ARG VERSION=dev
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/flashpod ./mediaserver
RUN GOOS=$TARGETOS GOARCH=$TARGETARCH go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/manager ./controllers/manager

FROM scratch AS operator
ARG VERSION=dev
LABEL org.opencontainers.image.title=flashpod-operator org.opencontainers.image.version=$VERSION
COPY --from=build --chmod=0555 /out/manager /manager
USER 65532:65532
ENTRYPOINT ["/manager"]

# The last stage is what a build without --target gives.
FROM scratch AS media
ARG VERSION=dev
LABEL org.opencontainers.image.title=flashpod-media org.opencontainers.image.version=$VERSION
COPY --from=build --chmod=0555 /out/flashpod /flashpod
USER 65532:65532
ENTRYPOINT ["/flashpod"]
