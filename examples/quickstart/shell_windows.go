package main

const defaultShell = "powershell"
