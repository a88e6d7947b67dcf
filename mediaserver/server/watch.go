package server

import (
	"net/http"
	"strings"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/session"
)

// mayWatch says why a viewer by HTTP may not play a stream; nil: it may. An answer to a
// wrong key takes its time, for which it waits.
func mayWatch(r *http.Request, i *instance.Instance, name string) error {
	answers := make(chan *session.Refusal, 1)
	i.MayPlay(session.Client{ID: "http", Address: r.RemoteAddr}, name, credentials(r), func(why *session.Refusal) { answers <- why })
	var why *session.Refusal
	select {
	case why = <-answers:
	case <-r.Context().Done():
		return r.Context().Err()
	}
	if why == nil {
		return nil
	}
	no := outlet.Refuse(http.StatusForbidden, why.Error())
	switch why.Code {
	case session.RefusedNoKeyGiven:
		no.Reason = "watching here needs a key: append ?key=KEY to the URL, or send it as Authorization: Bearer KEY"
	case session.RefusedWrongKey:
		no.Reason = "wrong key: check what follows ?key= in the URL, or Bearer in Authorization"
	case session.RefusedKeyReplaced:
		no.Reason = "this key was replaced and is no longer valid: use the new one"
	case session.RefusedNoKey:
		no.Status, no.Reason = http.StatusServiceUnavailable, "watching here needs a key, and the server has none yet"
	case session.RefusedLimit, session.RefusedStopping, session.RefusedFailed:
		no.Status = http.StatusServiceUnavailable
	}
	return no
}

// credentials are what a request shows: the key in its URL, where players can carry one,
// else in a header.
func credentials(r *http.Request) session.Credentials {
	if key := r.URL.Query().Get("key"); key != "" {
		return session.Credentials{Key: key}
	}
	kind, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return session.Credentials{}
	}
	return session.Credentials{Key: strings.TrimSpace(key)}
}
