package command

const anotherUserSays = "not run: run_as user is not supported by this release"
