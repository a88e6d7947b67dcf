package web

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"flashpod.dev/flashpod/mediaserver/session"
)

func (h *recordings) remove(_ context.Context, r *http.Request) (any, error) {
	i, err := h.instance(r.PathValue("application"), r.PathValue("instance"))
	if err != nil {
		return nil, err
	}
	name := r.PathValue("name")
	log := h.log.With("application", i.Application, "instance", i.Instance, "stream", name, "remote", r.RemoteAddr)
	if err := h.mayDelete(i, r); err != nil {
		log.Warn("deleting a recording refused", "reason", err)
		return nil, err
	}
	if err := i.Store.Delete(name); err != nil {
		return nil, err
	}
	log.Info("recording deleted")
	return nil, nil
}

func (h *recordings) mayDelete(i Recordings, r *http.Request) error {
	if i.Authorize == nil {
		if !local(r) {
			return fail(http.StatusForbidden, "%s/%s has no publish key, so recordings are deleted from the server's own machine only (in a pod: kubectl port-forward)", i.Application, i.Instance)
		}
		return nil
	}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return fail(http.StatusUnauthorized, "deleting needs the publish key of %s/%s: send it as Authorization: Bearer KEY", i.Application, i.Instance)
	}
	why := i.Authorize(strings.TrimSpace(key))
	if why == nil {
		return nil
	}
	switch why.Code {
	case session.RefusedNoKeyGiven:
		return fail(http.StatusUnauthorized, "deleting needs the publish key of %s/%s, and none was given: send it as Authorization: Bearer KEY", i.Application, i.Instance)
	case session.RefusedKeyReplaced:
		return fail(http.StatusUnauthorized, "this publish key of %s/%s was replaced and is no longer valid: send the new one", i.Application, i.Instance)
	case session.RefusedWrongKey:
		return fail(http.StatusUnauthorized, "this is not the publish key of %s/%s", i.Application, i.Instance)
	default: // where the key should lie is not said to strangers
		return fail(http.StatusServiceUnavailable, "recordings of %s/%s are deleted with its publish key: %v (see the server's log)", i.Application, i.Instance, why)
	}
}

// local says whether a request was made on this machine, by a user who meant
// it: a proxy speaks for others, and a web page that had its own name resolved
// to this machine betrays itself by the Host.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for _, proxied := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(proxied) != "" {
			return false
		}
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && addr.IsLoopback()
}
