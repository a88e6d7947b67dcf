package session

// maxWrongKeys is how many wrong keys a connection may show before it ends: an
// encoder shows the one that it was given.
const maxWrongKeys = 5

// mayNot tells a publisher that it may not publish, and why. One that goes on
// and on with wrong keys is let go.
func (ns *netStream) mayNot(request PublishRequest, why *Refusal) error {
	s := ns.session
	if err := ns.fail(codePublishBadName, request.Name, "%s.", refusedPublish(request.Name, why)); err != nil {
		return err
	}
	if why.Code != RefusedWrongKey {
		return nil
	}
	if s.wrongKeys++; s.wrongKeys >= maxWrongKeys {
		s.log.Warn("closed: too many wrong keys", "tries", s.wrongKeys)
		s.dismiss(lingerFor)
	}
	return nil
}
