package webrtc

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"time"

	"flashpod.dev/flashpod/mediaserver/outlet"
)

// maxAnswer bounds what another server says to a request that was passed on, in bytes.
const maxAnswer = 16 << 10

// elsewhere is the server that has the session at a path, where it is another.
func (h *Handler) elsewhere(at string) (netip.AddrPort, bool) {
	among := h.opts.Port.socket.relay
	if among == nil {
		return netip.AddrPort{}, false
	}
	return among.SessionOf(path.Base(at))
}

// betweenMost is how many questions another server is asked at once; more wait. There their
// connections count as one client's address does: this server's.
const betweenMost = 4

// between asks other servers, on a connection for each question: they are few and rare.
var between = &http.Client{
	Transport:     &http.Transport{DisableKeepAlives: true, MaxConnsPerHost: betweenMost, ResponseHeaderTimeout: requestTime + 5*time.Second, MaxResponseHeaderBytes: maxAnswer},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// passOn has the server that has a session answer a request about it. That this server's
// pages are asked from where they may be was looked at here. Nobody leads it elsewhere, as
// names of sessions are authenticated; and that server passes nothing on, as the session
// would be its own.
func (h *Handler) passOn(w http.ResponseWriter, r *http.Request, to netip.AddrPort) error {
	ctx, cancel := context.WithTimeout(r.Context(), requestTime)
	defer cancel()
	u := url.URL{Scheme: "http", Host: to.String(), Path: r.URL.Path, RawPath: r.URL.RawPath}
	body, err := readBody(w, r)
	if err != nil {
		return err
	}
	there, err := http.NewRequestWithContext(ctx, r.Method, u.String(), bytes.NewReader(body))
	if err != nil {
		return err
	}
	for _, name := range []string{"Content-Type", "If-Match", "User-Agent"} {
		if said := r.Header.Get(name); said != "" {
			there.Header.Set(name, said)
		}
	}
	answer, err := between.Do(there)
	if err != nil {
		h.opts.Log.Debug("a request was not passed on", "server", to, "err", err)
		return outlet.Refuse(http.StatusBadGateway, "the server that has this session does not answer: where it has ended, so has the session; else try again")
	}
	defer answer.Body.Close()
	for _, name := range []string{"Content-Type", "Accept-Patch", "ETag", "Allow"} {
		if said := answer.Header.Get(name); said != "" {
			w.Header().Set(name, said)
		}
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(answer.Body, maxAnswer)) // a client that has gone hears nothing
	return nil
}
