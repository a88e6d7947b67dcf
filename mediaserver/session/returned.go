package session

// Returned implements Returner. A client that is not let in any more is told so as one
// whose connect is refused, but for the _error, which belongs to connect; where the instance
// is about to go, as by any that does.
func (s *Session) Returned(answer ConnectAnswer) {
	s.turns.post(func() {
		switch why := answer.Refusal; {
		case s.leaving.Load():
		case why == nil:
			s.letIn(answer)
		case why.Code == RefusedStopping, why.Code == RefusedNoAnswer:
			s.shutdown(why.Error())
		default:
			s.putOut(why)
		}
	})
}

// putOut ends the connection of a client that was let in, and tells it why. One that makes
// a lost connection again by itself is told to close this one: see Disconnect.
func (s *Session) putOut(why *Refusal) {
	info, _ := s.refusal(s.to, why)
	s.log.Warn("the instance does not let the client in any more", "code", property(info, "code", ""), "reason", reasonOf(info))
	s.stopAll()
	info.Set("clientid", s.client.ID)
	_ = s.conn.SendCommand(0, "onStatus", 0, nil, info) // one that does not take it is closed in any case
	if s.reconnects.Load() {
		_ = s.conn.SendCommand(0, "close", 0, nil)
	}
	s.dismiss(lingerFor, kindOf(info), wordsOf(info))
}
