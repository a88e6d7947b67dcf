package instance

import (
	"time"

	"flashpod.dev/flashpod/mediaserver/script"
	"flashpod.dev/flashpod/mediaserver/session"
)

// PlayRule says who may play: spec.access.play.mode.
type PlayRule string

// The rules, with the manifest's own words. The zero value is PlayAnyone.
const (
	PlayAnyone PlayRule = "Anyone"
	PlayKey    PlayRule = "Key" // whoever has a key of Rules.Keys
	PlayNobody PlayRule = "Nobody"
	// PlayScript is whom the instance's script lets play: clients by onConnect and
	// readAccess, viewers by HTTP by onPlay, which AskScript asks.
	PlayScript PlayRule = "Script"
)

// MayPlay asks whether a viewer may play, whichever way it comes: what Play and Length
// would refuse. Answers to wrong keys take their time, as those to publishers do.
func (i *Instance) MayPlay(c session.Client, stream string, shown session.Credentials, answer func(*session.Refusal)) {
	if why := i.mayRead(c, stream); why != nil {
		answer(why)
		return
	}
	rules := i.rules.Load()
	switch {
	case rules.Play == PlayNobody:
		answer(&session.Refusal{Code: session.RefusedNoAccess, Reason: "nobody may play here (spec.access.play.mode is Nobody)"})
	case rules.Play == PlayScript && i.script == nil:
		answer(&session.Refusal{Code: session.RefusedNoAccess, Reason: "nobody may play here: spec.access.play.mode is Script, and there is no script"})
	case rules.Play != PlayKey, rules.Keys != nil && rules.Keys.Knows(shown.Key):
		answer(nil)
	case rules.Keys == nil:
		answer(&session.Refusal{Code: session.RefusedNoKey})
	default:
		// Another may just have been written.
		if !i.looks.do(func() { i.afterGuess(c.Address, rules.Keys.Check(shown.Key), answer) }) {
			answer(diskBusy())
		}
	}
}

// afterGuess answers with what has come of a key: where it is wrong the later, the more
// of them have come from that address. A timer waits, and no goroutine. A right key is
// answered at once, whoever else has that address.
func (i *Instance) afterGuess(address string, why *session.Refusal, answer func(*session.Refusal)) {
	var wait time.Duration
	if why != nil && why.Code == session.RefusedWrongKey {
		wait = i.budgets.Guesses.Wrong(address, time.Now())
	}
	if wait == 0 {
		answer(why)
		return
	}
	time.AfterFunc(wait, func() { answer(why) })
}

// AskScript asks the script whether a viewer by HTTP may watch, in its turn; Missing, where
// there is none.
func (i *Instance) AskScript(r script.PlayRequest, answer func(script.PlayAnswer)) {
	if i.script == nil {
		answer(script.PlayAnswer{Missing: true})
		return
	}
	if !i.post(func(o *owner) { o.script.host.Play(r, answer) }) {
		answer(script.PlayAnswer{Failed: true, Reason: stopping().Error()})
	}
}

// PlayRule is who may play now.
func (i *Instance) PlayRule() PlayRule { return i.rules.Load().Play }
