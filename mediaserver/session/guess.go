package session

import "flashpod.dev/flashpod/mediaserver/rtmp"

// maxWrongKeys is how many wrong keys a connection may show before it ends: an
// encoder shows the one that it was given.
const maxWrongKeys = 5

// mayNot tells a publisher that it may not publish, and why.
func (ns *netStream) mayNot(request PublishRequest, why *Refusal) error {
	s := ns.session
	if err := ns.fail(codePublishBadName, request.Name, "%s.", refusedPublish(request.Name, why)); err != nil {
		return err
	}
	s.guessed(why)
	return nil
}

// guessed lets a client go that goes on and on with wrong keys.
func (s *Session) guessed(why *Refusal) {
	if why.Code != RefusedWrongKey {
		return
	}
	if s.wrongKeys++; s.wrongKeys >= maxWrongKeys {
		s.log.Warn("closed: too many wrong keys", "tries", s.wrongKeys)
		s.dismiss(lingerFor, rtmp.ErrRefused, "Too many wrong keys.")
	}
}

// mayNotPlay says to a viewer why it may not play, and what to do; "" where that is no
// question of who it is.
func mayNotPlay(why *Refusal) string {
	switch why.Code {
	case RefusedNoKeyGiven:
		return "playing here needs a key, and no key was given: append ?key=KEY to the stream name"
	case RefusedWrongKey:
		return "wrong key: check what follows ?key= in the stream name"
	case RefusedKeyReplaced:
		return "this key was replaced and is no longer valid: use the new one"
	case RefusedNoKey:
		return "playing here needs a key, and the server has none yet"
	case RefusedNoAccess:
		return why.Error()
	}
	return ""
}
