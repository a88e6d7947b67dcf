package server

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"

	"flashpod.dev/flashpod/mediaserver/instance"
	"flashpod.dev/flashpod/mediaserver/outlet"
	"flashpod.dev/flashpod/mediaserver/public"
	"flashpod.dev/flashpod/mediaserver/script"
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

// permit says why a viewer may not watch what is live, or recorded, as far as the script
// says so; nil: it may. One whose application was written before there were viewers by
// HTTP keeps them out, unless a key does.
func (v *webRequest) permit(live bool) error {
	if v.operator || v.sitting != nil || !v.inst.Scripted() { // a sitting was permitted when it began
		return nil
	}
	answers := make(chan script.PlayAnswer, 1)
	v.inst.AskScript(v.question(live), func(a script.PlayAnswer) { answers <- a })
	var a script.PlayAnswer
	select {
	case a = <-answers:
	case <-v.r.Context().Done():
		return v.r.Context().Err()
	}
	switch {
	case a.Accept:
		v.asked = true
		return nil
	case a.Missing && v.inst.PlayRule() == instance.PlayKey:
		return nil
	case a.Missing:
		return v.refused(outlet.Refuse(http.StatusForbidden, "who may watch here is decided by the application's script, which says nothing of viewers by HTTP (it has no application.onPlay): play by RTMP, or by RTMP in a WebSocket at "+public.RTMPPath))
	case a.Failed:
		return v.refused(outlet.Refuse(http.StatusServiceUnavailable, a.Reason))
	}
	return v.refused(outlet.Refuse(http.StatusForbidden, cmp.Or(a.Reason, "the application's script does not let you watch this")))
}

// question is what the script is asked.
func (v *webRequest) question(live bool) script.PlayRequest {
	r := v.r
	q := r.URL.Query()
	q.Del(outlet.TokenName) // which is ours
	asks := script.PlayRequest{
		Name: v.name, Way: string(v.way), Live: live, Address: r.RemoteAddr, Agent: r.UserAgent(), Referrer: r.Referer(),
		Key: credentials(r).Key, Query: q, Track: -1,
	}
	if n, err := strconv.ParseUint(q.Get("track"), 10, 8); err == nil {
		asks.Track = int(n)
	}
	return asks
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
