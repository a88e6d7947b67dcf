package stream

import "flashpod.dev/flashpod/mediaserver/media/payload"

// FrameRate asks for at most fps pictures a second (NetStream.receiveVideoFPS);
// a negative one for all of them, 0 for none: that is Receive without video.
// Which are left out is [payload.FrameRate]'s to say; sound and data go on all the
// time.
func (p *Player) FrameRate(fps float64) {
	p.sink.loop.do(func() {
		if fps == 0 {
			p.video = false
			return
		}
		c := p.customize()
		broken := c.state.rate.Broken || !p.video
		p.video = true
		c.state.rate = payload.FrameRate{Max: max(fps, 0), Broken: broken}
	})
}
