package server

import (
	"net/http"
	"strings"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/session"
)

// mayPlay says why a viewer by HTTP may not play a stream, as far as the manifest says
// so; nil: it may. An answer to a wrong key takes its time, for which it waits.
func mayPlay(r *http.Request, i *instance.Instance, name string) error {
	answers := make(chan *session.Refusal, 1)
	i.MayPlay(session.Client{ID: "http", Address: r.RemoteAddr}, name, credentials(r), func(why *session.Refusal) { answers <- why })
	select {
	case why := <-answers:
		if why != nil {
			return watchRefusal(why)
		}
		return nil
	case <-r.Context().Done():
		return r.Context().Err()
	}
}

// permit says why a viewer may not watch what is live, or recorded, as far as a script
// says so; nil: it may.
func (v *webRequest) permit(live bool) error {
	switch {
	case v.operator, v.sitting != nil: // it was permitted when that began
		return nil
	case v.inst.Scripted():
		return v.refused(outlet.Refuse(http.StatusForbidden, "who may watch here is decided by the application's script, which knows no viewers by HTTP: play by RTMP, or by RTMP in a WebSocket at "+public.RTMPPath))
	}
	return nil
}

// watchRefusal is what a viewer by HTTP is told.
func watchRefusal(why *session.Refusal) *outlet.Refusal {
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
	case session.RefusedLimit, session.RefusedStopping, session.RefusedFailed, session.RefusedNoAnswer:
		no.Status = http.StatusServiceUnavailable
	case session.RefusedNoInstance, session.RefusedBadInstance:
		no.Status = http.StatusNotFound
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
