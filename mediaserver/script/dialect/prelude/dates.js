// Dates as text are as SpiderMonkey made them, which asked the system how it writes
// them, where nobody had set a language.
const dayNames = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const dateOf = dates.getDate, dayOf = dates.getDay, monthOf = dates.getMonth, yearOf = dates.getFullYear, timeOf = dates.getTime;
const hoursOf = dates.getHours, minutesOf = dates.getMinutes, secondsOf = dates.getSeconds;
const dateText = dates.toString, timeText = dates.toTimeString;

function two(n, with_) { return n < 10 ? with_ + n : "" + n; }
function clock(d) {
	return two(apply(hoursOf, d, []), "0") + ":" + two(apply(minutesOf, d, []), "0") + ":" + two(apply(secondsOf, d, []), "0");
}
function dated(name, text) {
	hide(dates, name, function () {
		var ms = apply(timeOf, this, []);
		return ms !== ms ? "Invalid Date" : text(this, ms);
	});
	hide(dates[name], "name", name);
}
function zone(ms) {
	var name = apply(sub, hook("zone", "" + ms, ""), [1]);
	return name === "" ? "" : " (" + name + ")";
}
dated("toString", function (d, ms) { return apply(dateText, d, []) + zone(ms); });
dated("toTimeString", function (d, ms) { return apply(timeText, d, []) + zone(ms); });
dated("toLocaleString", function (d) {
	return dayNames[apply(dayOf, d, [])] + " " + monthNames[apply(monthOf, d, [])] + " " + two(apply(dateOf, d, []), " ") + " " + clock(d) + " " + apply(yearOf, d, []);
});
dated("toLocaleDateString", function (d) {
	return two(apply(monthOf, d, []) + 1, "0") + "/" + two(apply(dateOf, d, []), "0") + "/" + apply(yearOf, d, []);
});
dated("toLocaleTimeString", function (d) { return clock(d); });
