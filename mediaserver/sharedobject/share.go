package sharedobject

import "flashpod.dev/flashpod/mediaserver/budget"

// Within has what waits to be told counted in a share as well, that a client has for
// all of its subscriptions: each message whole, also one that many wait for. It is
// called before the subscriber joins.
func (s *Subscription) Within(share *budget.Budget) *Subscription {
	s.queue.share = share
	return s
}

// JoinAs is Join for a subscriber that is to be told in another form from then on.
// What it has not taken yet of answers it hears in that form, too.
func (f *Feed) JoinAs(s *Subscription, form Form, first []Event, p Piece) {
	f.add(entry{kind: entryJoin, sub: s, form: &form, own: first, piece: p})
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
