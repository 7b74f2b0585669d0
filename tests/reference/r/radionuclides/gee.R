# Exchangeable estimating equations of lesion changes: geepack. Run in this folder: Rscript gee.R
suppressPackageStartupMessages(library(geepack))
lesions <- read.csv("lesions.csv")
fit <- geeglm(change ~ y90 * doublings, id = patient, data = lesions, corstr = "exchangeable",
              control = geese.control(epsilon = 1e-12, maxit = 500))
jack <- geeglm(change ~ y90 * doublings, id = patient, data = lesions, corstr = "exchangeable",
               std.err = "fij", control = geese.control(epsilon = 1e-12, maxit = 500))
# The correlation as statsmodels and prrt-outcomes estimate it (pairs minus coefficients), held fixed.
pairs <- unlist(lapply(split(lesions$patient, lesions$patient), function(p) rep(0.7125687451238146, choose(length(p), 2))))
fixed <- geeglm(change ~ y90 * doublings, id = patient, data = lesions, corstr = "fixed", zcor = pairs)
found <- data.frame(fixed = coef(fixed), term = names(coef(fit)), estimate = coef(fit), sandwich = sqrt(diag(fit$geese$vbeta)),
                    jackknife = sqrt(diag(jack$geese$vbeta.fij)), correlation = fit$geese$alpha)
out <- file("gee.csv", "w")
writeLines(sprintf("# %s, geepack %s", R.version.string, packageVersion("geepack")), out)
write.csv(format(found, digits = 12), out, row.names = FALSE, quote = FALSE)
close(out)
