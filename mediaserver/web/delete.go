package web

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/session"
)

func (h *recordings) remove(_ context.Context, r *http.Request) (any, error) {
	of, name := pathOf(r), r.PathValue("name")
	log := h.log.With("application", of.Application, "instance", of.Instance, "stream", name, "address", r.RemoteAddr)
	err := h.catalogue.Delete(callerOf(r), of, name)
	var refused *catalogue.RefusedError
	if errors.As(err, &refused) {
		err = explain(refused)
		log.Warn("deleting a recording refused", "reason", err)
	}
	if err != nil {
		return nil, err
	}
	log.Info("recording deleted")
	return nil, nil
}

// callerOf is the client of a request, with the key that it shows.
func callerOf(r *http.Request) catalogue.Caller {
	by := catalogue.Caller{Local: local(r)}
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		key = strings.TrimSpace(key)
		by.Key = &key
	}
	return by
}

// explain tells a client why it may not delete, and what to do.
func explain(e *catalogue.RefusedError) error {
	switch e.Objection {
	case catalogue.Elsewhere:
		return fail(http.StatusForbidden, "%s/%s has no publish key, so recordings are deleted from the server's own machine only (in a pod: kubectl port-forward)", e.Application, e.Instance)
	case catalogue.KeyMissing:
		return fail(http.StatusUnauthorized, "deleting needs the publish key of %s/%s: send it as Authorization: Bearer KEY", e.Application, e.Instance)
	}
	switch e.Refusal.Code {
	case session.RefusedNoKeyGiven:
		return fail(http.StatusUnauthorized, "deleting needs the publish key of %s/%s, and none was given: send it as Authorization: Bearer KEY", e.Application, e.Instance)
	case session.RefusedKeyReplaced:
		return fail(http.StatusUnauthorized, "this publish key of %s/%s was replaced and is no longer valid: send the new one", e.Application, e.Instance)
	case session.RefusedWrongKey:
		return fail(http.StatusUnauthorized, "this is not the publish key of %s/%s", e.Application, e.Instance)
	default: // where the key should lie is not said to strangers
		return fail(http.StatusServiceUnavailable, "recordings of %s/%s are deleted with its publish key: %v (see the server's log)", e.Application, e.Instance, e.Refusal)
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
