// Package clients tests the media server as its users meet it: the real program
// serves real manifests, and ffmpeg, ffprobe, rtmpdump and GStreamer publish to
// it and play from it. `make test-clients` runs it; it needs bin/flashpod and
// the clients. CLIENTS.md says what each client can do; TestTable runs every
// cell of it, and fails where the table says anything else.
package clients
