package stream

import "flashpod.dev/flashpod/mediaserver/media/payload"

// FrameRate asks for at most fps pictures a second (NetStream.receiveVideoFPS);
// 0 is all of them, and none is Receive without video. Which are left out is
// [payload.FrameRate]'s to say; sound and data go on all the time.
func (p *Player) FrameRate(fps float64) {
	p.conn.loop.do(func() {
		c := p.rewrite()
		c.state.rate = payload.FrameRate{Max: max(fps, 0), Broken: c.state.rate.Broken}
	})
}
