package update

var replaceRunning = replaceInTwo
