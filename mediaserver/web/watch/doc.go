// Package watch serves the page that plays one stream: a link to hand out, and what
// an iframe in somebody else's page shows. The page chooses the way by itself, says
// how far behind it is, and waits for a stream that nobody publishes yet.
//
// What it plays it asks for at the addresses of the public port as any other page
// would. This package knows nothing of streams or of the server that it is part of,
// and decides no address: who mounts Handler does.
package watch
