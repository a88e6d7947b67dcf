// Package payload knows what the first bytes of an audio or video message say:
// its codec, whether it is a sequence header, which tracks are in it, and which
// pictures playing may begin with, whatever their encoder marks. They are the
// same in an RTMP message and in a tag of an FLV file. References named [FLV]
// are to Adobe's Flash Video File Format 10.1, [E2] to Enhanced RTMP v2.
//
// It looks at one payload at a time, copies nothing and allocates nothing. What
// must be remembered from one to the next is in small values that the caller
// keeps: Pictures, FrameRate.
package payload
