# Numbers of R's cmprsk package for tests/reference/test_models_fine_gray.py. Run from this folder: Rscript crr.R
library(cmprsk)
library(survival)
registry <- read.csv("registry.csv", stringsAsFactors = TRUE)
out <- list()
describe <- function(model, time, cause, covariates) {
  fit <- crr(time, cause, covariates, gtol = 1e-13, maxiter = 50)
  values <- list(coefficient = fit$coef, std_error = sqrt(diag(fit$var)))
  for (quantity in names(values)) {
    v <- as.numeric(values[[quantity]])
    out[[length(out) + 1]] <<- data.frame(model, quantity, position = seq_along(v), value = sprintf("%.15g", v))
  }
}
x <- model.matrix(~ age + grade + treated, registry)[, -1]
describe("progression", registry$time, registry$cause, x)
describe("competing", registry$time, ifelse(registry$cause == 0, 0, 3 - registry$cause), x)
describe("no_censoring", registry$time, ifelse(registry$cause == 0, 2, registry$cause), x[, c("age", "treated")])
describe("no_competing", registry$time, registry$event, x)
# Years, not months: fewer ties.
describe("untied", registry$time + seq_len(nrow(registry)) / 1000, registry$cause, x)
# mgus2 of the survival package: progression to malignancy with death competing, 1,384 patients, many ties.
m <- mgus2
time <- ifelse(m$pstat == 1, m$ptime, m$futime)
cause <- ifelse(m$pstat == 1, 1, 2 * m$death)
write.csv(data.frame(time, cause, age = m$age, male = as.integer(m$sex == "M")), "mgus2.csv", row.names = FALSE)
describe("mgus2", time, cause, cbind(m$age, m$sex == "M"))
stamp <- sprintf("# %s; cmprsk %s; made by crr.R", R.version.string, packageVersion("cmprsk"))
writeLines(c(stamp, capture.output(write.csv(do.call(rbind, out), row.names = FALSE, quote = FALSE))), "crr.csv")
