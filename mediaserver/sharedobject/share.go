package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

// Within has what waits to be told counted in a share as well, that a client has for
// all of its subscriptions: each message whole, also one that many wait for. It is
// called before the subscriber joins.
func (s *Subscription) Within(share *budget.Budget) *Subscription {
	s.queue.share = share
	return s
}

// pay takes so much of the client's share, and of the feed's budget what it costs; or
// nothing.
func (q *queue) pay(f *Feed, bytes, costs int) bool {
	if !q.share.Take(int64(bytes)) {
		return false
	}
	if !f.cfg.Budget.Take(int64(costs)) {
		q.share.Give(int64(bytes))
		return false
	}
	return true
}
