package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flashpod.dev/flashpod/mediaserver/catalogue"
	"flashpod.dev/flashpod/mediaserver/session"
)

func (h *recordings) remove(ctx context.Context, r *http.Request) (any, error) {
	of, name := pathOf(r), r.PathValue("name")
	log := h.log.With("application", of.Application, "instance", of.Instance, "stream", name, "address", r.RemoteAddr)
	err := h.catalogue.Delete(ctx, callerOf(r), of, name)
	var refused *catalogue.RefusedError
	if errors.As(err, &refused) {
		err = explain(refused, deleting)
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

// deed is what a client wants to do that not everybody may, in the words of errors.
type deed struct {
	doing         string // deleting
	things, verbs string // recordings, are deleted
	command       string // flashpod recordings delete
}

var deleting = deed{"deleting", "recordings", "are deleted", "flashpod recordings delete"}

// explain tells a client why it may not do something, and what to do.
func explain(e *catalogue.RefusedError, d deed) error {
	switch e.Objection {
	case catalogue.Elsewhere:
		return fail(http.StatusForbidden, "%s/%s has no publish key, so %s %s from the server's own machine only, without a proxy or a browser, by %s or with the header Connection: "+LocalToken+" (in a pod: kubectl port-forward)", e.Application, e.Instance, d.things, d.verbs, d.command)
	case catalogue.KeyMissing:
		return fail(http.StatusUnauthorized, "%s needs the publish key of %s/%s: send it as Authorization: Bearer KEY", d.doing, e.Application, e.Instance)
	}
	switch e.Refusal.Code {
	case session.RefusedNoKeyGiven:
		return fail(http.StatusUnauthorized, "%s needs the publish key of %s/%s, and none was given: send it as Authorization: Bearer KEY", d.doing, e.Application, e.Instance)
	case session.RefusedKeyReplaced:
		return fail(http.StatusUnauthorized, "this publish key of %s/%s was replaced and is no longer valid: send the new one", e.Application, e.Instance)
	case session.RefusedWrongKey:
		return &failure{http.StatusUnauthorized, fmt.Errorf("this is not the publish key of %s/%s", e.Application, e.Instance), true}
	default: // where the key should lie is not said to strangers
		return fail(http.StatusServiceUnavailable, "%s of %s/%s %s with its publish key: %v (see the server's log)", d.things, e.Application, e.Instance, d.verbs, e.Refusal)
	}
}

// afterGuess waits before a wrong key is answered that is not the first from its
// address, and has the connection end with the answer. It waits no longer than the
// client does, and no place of those who read folders is taken meanwhile.
func (d *desk) afterGuess(w http.ResponseWriter, r *http.Request, err error) {
	var f *failure
	if !errors.As(err, &f) || !f.guess {
		return
	}
	wait := d.guesses.Wrong(r.RemoteAddr, time.Now())
	if wait == 0 {
		return
	}
	w.Header().Set("Connection", "close")
	later := time.NewTimer(wait)
	defer later.Stop()
	select {
	case <-later.C:
	case <-r.Context().Done():
	}
}

// LocalToken stands in the Connection header of a request that is made on the
// server's own machine by a user who means it: a proxy does not pass that header
// on [RFC 9110 §7.6.1], and a page may not set it [Fetch, forbidden request-header].
const LocalToken = "flashpod-local"

// ofPrograms are the headers that a program on this machine sends. Any other shows
// that the request comes from elsewhere: proxies add theirs, of which there are
// more than anybody knows, and browsers add Origin and Sec-Fetch-Site.
var ofPrograms = []string{"Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length", "User-Agent"}

// local says whether a request was made on this machine, by a user who meant it:
// a proxy speaks for others, and a web page that had its own name resolved to this
// machine betrays itself by the Host.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !from.Addr().Unmap().IsLoopback() {
		return false
	}
	for name := range r.Header {
		if !slices.Contains(ofPrograms, name) {
			return false
		}
	}
	host := hostOf(r)
	addr, err := netip.ParseAddr(host)
	return (host == "localhost" || err == nil && addr.IsLoopback()) && meant(r)
}

// meant says whether a request has the token that no page and no proxy sends.
func meant(r *http.Request) bool {
	for _, line := range r.Header.Values("Connection") {
		for token := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.TrimSpace(token), LocalToken) {
				return true
			}
		}
	}
	return false
}
