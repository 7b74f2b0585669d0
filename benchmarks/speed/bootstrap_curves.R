# Seconds of a bootstrap loop over survfit: median and RMST of each replicate.
# usage: Rscript bootstrap_curves.R FOLDER N REPLICATES HORIZON
suppressMessages(library(survival))
args <- commandArgs(trailingOnly = TRUE); n <- as.integer(args[2])
column <- function(name) readBin(file.path(args[1], name), "double", n)
time <- column("time"); event <- column("event"); set.seed(1)
elapsed <- system.time(for (k in seq_len(as.integer(args[3]))) {
  drawn <- sample.int(n, n, replace = TRUE)
  summary(survfit(Surv(time[drawn], event[drawn]) ~ 1), rmean = as.numeric(args[4]))$table[c("median", "rmean")]
})["elapsed"]
cat(elapsed, R.version.string, as.character(packageVersion("survival")), sep = ";")
