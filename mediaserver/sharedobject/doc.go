// Package sharedobject is remote shared objects: their slots and versions, the
// messages that clients and server exchange about them (RTMP's types 19 and 16),
// how events reach many subscribers, and the files of those that persist.
//
// An [Object] is a state and its log, and nothing else: whoever holds it hands it
// the message of one client and gets what that one and all others are to hear, or
// asks what one must be told next that knows it up to a [Cursor]. A [Feed] brings
// that to the object's subscribers, in order, encoded once for all of them; a
// subscriber that cannot keep up gets what the object has become, a piece at a time,
// in place of what it missed. Subscribers at another server are told by a [Carrier], which
// is one subscriber here and has a [Replica] there, whatever their number. A [Store] keeps
// objects in files. Package instance holds objects, and knows who may use them; sessions
// and connections are not known here.
//
// Values are kept as they came, encoded, and are never changed: all who hold one
// share it.
package sharedobject
